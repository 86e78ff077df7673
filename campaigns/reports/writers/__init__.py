"""Writers of the report as DOCX, PDF and XLSX, in the form of Decree 30/2020."""
