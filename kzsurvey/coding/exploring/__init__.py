"""Before coding: frequent phrases, words in their context, which answer says what."""
