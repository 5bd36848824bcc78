// Specifications of the tile kinds. Internal to this folder.
#pragma once

#include "program/program.h"

namespace vivace::program {

void SetTileSpec(const Program& program, Phase& phase);

}  // namespace vivace::program
