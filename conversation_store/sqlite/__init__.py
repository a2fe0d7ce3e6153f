"""The store on SQLite: one writer, pooled readers, group commit, statements in .sql files."""
