def greet(path):
    return f"you have hit {path}"
