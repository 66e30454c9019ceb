EXTRA_DIST += packaging/debian-packages.txt
