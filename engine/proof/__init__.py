"""Proof: what a stranger needs to make an invoice's figures again, from the rule files of a commit and the rows of activity."""
