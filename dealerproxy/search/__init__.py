"""From a partner's query to one page of rows: plan legs, read them, merge, cut, write the cursor. Names no site."""
