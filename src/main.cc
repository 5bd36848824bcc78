// The program `vivace`: hands the command line to the subcommand.
int main() {
  return 0;
}
