// Early return on a Status that is not ok.
#pragma once

#include "vivace/status.h"

#define VIVACE_CONCAT_INNER(a, b) a##b
#define VIVACE_CONCAT(a, b) VIVACE_CONCAT_INNER(a, b)

/// Returns the Status from the enclosing function when it is not ok.
#define VIVACE_RETURN_IF_ERROR(expression)                                         \
  do {                                                                             \
    if (::vivace::Status status__ = (expression); !status__.ok()) return status__; \
  } while (false)

/// VIVACE_ASSIGN_OR_RETURN(auto x, MakeX()): declares or assigns x, or returns the Status.
#define VIVACE_ASSIGN_OR_RETURN(target, expression) \
  VIVACE_ASSIGN_OR_RETURN_INNER(VIVACE_CONCAT(result__, __LINE__), target, expression)
#define VIVACE_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return result.status();                       \
  target = std::move(result).value()
