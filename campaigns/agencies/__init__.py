"""Agency reports: how many staff have a smartphone and have installed, agency by agency, day by day."""
