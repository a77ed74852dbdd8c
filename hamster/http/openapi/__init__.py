"""The description of the API: one declaration for each route, and the document and the pages made of them."""
