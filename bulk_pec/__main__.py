"""``python -m bulk_pec``."""

from bulk_pec.cli.main import main

if __name__ == "__main__":
    main()
