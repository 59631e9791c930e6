"""What the site needs beside Sphinx, MyST and furo: small extensions, listed in docs/conf.py."""
