// Golden texts of the compiler's tests, in src/compiler/testdata. With VIVACE_UPDATE_GOLDENS set, tests write
// what they got instead of comparing; look at the difference before it is committed.
#pragma once

#include <string>
#include <vector>

namespace vivace::compiler {

std::string TestDataPath(const std::string& name);
/// Empty when there is no such file.
std::string ReadTestData(const std::string& name);
bool UpdateGoldens();
/// Compares with the file, or writes it.
void ExpectGolden(const std::string& name, const std::string& text);
/// The lines that differ: "- " removed, "+ " added, in order, below the body or list that they belong to.
std::string DiffText(const std::string& before, const std::string& after);

}  // namespace vivace::compiler
