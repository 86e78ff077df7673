"""What a person may ask of those who keep data about them: to see them, to have them put right, or gone."""
