"""keyscan: libraries of wheels stay where they are, without links to them from the main folder.

A zip program that follows links would store 100 MB twice, and no library needs them.
"""

bindepend_symlink_suppression = ["**/*.libs/*.so*"]
