"""A library as one HTML file: a table, the Camelot wheel and the key over time, without a network.

``page.html`` is filled with the style, the scripts and the data of the tracks.
"""

from keyscan.page.data import Entry
from keyscan.page.document import check_page, write_page

__all__ = ["Entry", "check_page", "write_page"]
