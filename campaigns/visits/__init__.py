"""Home visits: candidates without contact so far, printed visit sheets, and the results entered."""
