"""The second leg of a shadow run: isolated from the first, compared with it, then gone."""
