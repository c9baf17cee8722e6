"""How large a document and its variables may be: found out in one pass, before validation."""
