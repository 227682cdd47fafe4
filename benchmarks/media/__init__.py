"""Moving small objects from one store to another, beside others who do that."""
