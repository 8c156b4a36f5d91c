"""Draw what the analysis found, into reports/figures."""
