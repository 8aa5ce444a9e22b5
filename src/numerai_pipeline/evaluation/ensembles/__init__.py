"""What an ensemble of models is worth: its weights and what each member adds."""
