"""Set-up and operation of the system; imports none of the product's own packages."""

# The one place of the version: the wheel, the image, `loa --version` and the changelog follow it.
VERSION = "1.2.0"
