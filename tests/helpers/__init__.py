"""What tests of several folders share: runs that meet a fault, readers, rows, services."""
