// For the rig, which has no other way to change a snapshot: spoil_snapshot FILE
#include "support/spoiled_snapshot.hpp"
#include "system/failure.hpp"

#include <cstdio>

int main(int argument_count, char** arguments) {
    if (argument_count != 2) return 2;
    try {
        twofold::test::spoil_code_segment(arguments[1]);
    } catch (twofold::vmm::Failure const& failure) {
        (void)std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
    return 0;
}
