"""Danawa's used-car list: its addresses, its pages, and the names on them."""
