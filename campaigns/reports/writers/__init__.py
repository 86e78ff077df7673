"""What a report says, and how it is written as DOCX, PDF and XLSX in the form of Decree 30/2020."""
