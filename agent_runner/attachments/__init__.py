"""The files of prompts: taken in, kept by their content, given to CLIs."""
