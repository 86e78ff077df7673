"""Set-up and operation of the system; imports none of the product's own packages."""
