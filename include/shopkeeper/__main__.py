"""`python -m shopkeeper`"""

from shopkeeper.cli import main

if __name__ == "__main__":
    main()
