"""`python -m lambdatui`."""

from lambdatui.cli import main

if __name__ == "__main__":
    main()
