"""Pages that open alone: HTML that loads nothing from anywhere and runs no script. Pure."""

from __future__ import annotations

from html import escape

# Images inside a letter may be data URIs; anything that would have to be fetched is not.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_PAGE = """\
<!DOCTYPE html>
<html lang="it">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{main}
</main>
</body>
</html>
"""


def page(title: str, style: str, main: str) -> str:
    """A whole page.

    Args:
        title: Text; it is escaped here.
        style: CSS, of this program.
        main: HTML, every value in it escaped already.
    """
    return _PAGE.format(policy=_POLICY, title=escape(title), style=style, main=main)


def framed(body: str, title: str) -> str:
    """A letter's own HTML, in a frame that may run nothing and fetch nothing.

    Args:
        body: The HTML as it was or will be sent.
        title: What the frame is called, for who hears the page; escaped already.
    """
    # An empty sandbox: no script, no form, no navigation of the page, an origin of its own.
    inside = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">{body}'
    return f'<iframe sandbox="" title="{title}" srcdoc="{escape(inside)}"></iframe>'
