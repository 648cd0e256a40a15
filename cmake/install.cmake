# Filled by packaging: where Debian expects each file.
