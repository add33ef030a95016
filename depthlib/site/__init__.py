"""The page of a results folder: ledger, lessons as HTML, tables and pictures."""
