"""Names of files that would break a page that took them for markup, script or plain text."""

import sys

STRANGE = [
    "<!--<script>alert(1).wav",
    "<img src=x onerror=alert(1)>.wav",
    "\"quotes\" 'and' `ticks` ${1} $title &amp; \\u003c.wav",
    "line\u2028paragraph\u2029.wav",
    "עברית שיר.wav",
    "\u202eabc\u202c.wav",
    "音楽 🎵 한국어.wav",
    "new\nline\x1b[31m.wav",
]
if sys.platform != "darwin":  # whose file system wants UTF-8
    STRANGE.append("\udcff\udc80.wav")
