// The command line as a whole.
#pragma once

namespace twofold::vmm {

/// Parses the arguments, carries the command out, and says what went wrong. Returns the exit
/// status.
int run_application(int argument_count, char** arguments);

} // namespace twofold::vmm
