"""What people and machines are told: numbers, stories, verdicts. Reads rows; decides nothing."""
