"""What ``--help`` of each command says below its options."""

SERVE = """\
Requests are JSON lines on stdin: {"id": 1, "path": "/music/a.mp3"}, with "timeline": true for the
key over time, "stream": 1 for the second audio stream of a file, "priority": true for a file that
goes before all that wait; {"type": "reset"}, {"type": "cancel", "id": 1}, {"type": "ping"}. Replies
are JSON lines on stdout, in the order in which they are ready; logs go to stderr.
PROFILE_PERFORMANCE=1 shows where the time goes.

Exit code: 0 when the input has ended and every request is answered, 1 when the server cannot
start, 2 for a wrong option, 128 + n when signal n stopped it.
"""

ANALYZE = """\
In a folder, files with the extension of an audio or video format are analysed, except hidden ones
and those in folders of the system; a file that you name yourself is always tried. A playlist that
you name (.m3u, .m3u8, .pls) is a list of files. A file that is given twice, or again through a
link, is analysed once. Failures and their reasons appear on stderr while the work goes on; the
summary counts what was left out.

The table shows for each track: the key on the Camelot wheel (Open Key with --notation openkey) and
by name, its confidence, the second choice, the keys that mix well with it (the relative key, one
step up and one down the wheel, two that lift the energy), cents above A = 440 Hz, the length. On a
terminal it fits the width and has colours, but not with NO_COLOR=1; in a file or pipe it is as wide
as it needs to be, and FORCE_COLOR=1 adds colours.

json is one document: {"tracks": [...], "summary": {...}}; a track is the server's reply with its
path and compatible keys, or the error; ndjson has the same tracks, one a line. csv has a line for
each file, failures too. m3u is an extended M3U8 playlist with absolute paths, sorted by key, the
key in front of each name; with --sort mix neighbours mix well. rekordbox-xml and traktor-nml are
collections, with a playlist, for rekordbox and Traktor to import.

With --cache, a run after Ctrl-C goes on where the last one stopped.

--write-tags writes each key that is sure enough into the tags of its file, where there is none, and
tells so on stderr; nothing else in the file changes. Where mutagen is installed, the keys in tags
are shown beside those found, and the summary counts how many agree.

Examples:
  %(prog)s ~/Music/techno
  %(prog)s --m3u --sort mix --output set.m3u8 ~/Music/techno
  %(prog)s --csv *.mp3 > keys.csv
  %(prog)s --format rekordbox-xml -o keys.xml --exclude Samples ~/Music
  %(prog)s --json --timeline mix.flac | jq '.tracks[].timeline'
  %(prog)s --plot mix.svg mix.flac
  %(prog)s --html library.html ~/Music
  %(prog)s --write-tags --dry-run ~/Music
  %(prog)s --cache ~/keys.sqlite --changed-only ~/Music

Exit code: 0 when every file has been analysed, 1 when one has failed or its tags cannot be written,
there is none, the analyzer cannot start or the results cannot be written, 2 for wrong usage, 130
after Ctrl-C, which still prints what is done (128 + n for signal n). A second Ctrl-C ends at once.
"""

WATCH = """\
What is in the folders at the start is not analysed: "analyze" does that. A file that is being
written, copied or downloaded is analysed when it has stopped growing, and again after each later
change; hidden files and files without an extension of music are left out. Each line on stdout is
an object as in the "tracks" of "analyze --json". What --write-tags writes is no change.

Examples:
  %(prog)s ~/Music/new > keys.ndjson
  %(prog)s --write-tags --cache ~/keys.sqlite ~/Music

Exit code: 0 when Ctrl-C or SIGTERM has ended it, 1 when the analyzer cannot start, the system
cannot watch the folders, one goes away or a line cannot be written, 2 for wrong usage, such as a
path that is no folder.
"""

SCHEMA = """\
Use it to check messages, or to generate types: a line that an app writes is $defs/request, a line
that the server writes is $defs/reply.

Exit code: 0; 1 if the schema cannot be written, 2 for a wrong option.
"""

DOCTOR = """\
To find out why one installation is slower than another, run "doctor --json > a.json" with one,
"doctor --json > b.json" with the other, and "doctor --compare a.json b.json" with either.

Exit code: 0 when all is well, 1 when reports differ in more than paths, a self-test fails or the
model cannot be used, 2 for a wrong option or a file that is not a report.
"""
