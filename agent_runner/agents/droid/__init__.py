"""Factory Droid: all that is known of this CLI."""

TYPE = "factory-droid"
