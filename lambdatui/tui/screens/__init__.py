"""The seven screens, one a file; `page.Page` is what they share."""
