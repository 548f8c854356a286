#include "guest/hostile/checks.hpp"

#include "guest/kit/console.hpp"

namespace twofold::guest {

void Checks::fail(std::string_view what) {
    ++failed_;
    print("FAILED: ", what, '\n');
}

void Checks::expect(std::string_view what, bool holds) {
    ++made_;
    if (!holds) fail(what);
}

void Checks::expect_value(std::string_view what, std::uint64_t found, std::uint64_t expected) {
    ++made_;
    if (found == expected) return;
    fail(what);
    print("  found ", abi::hex(found), ", expected ", abi::hex(expected), '\n');
}

void Checks::expect_trap(std::string_view what, Trap const& trap, std::uint64_t vector,
                         std::uint64_t error_code) {
    ++made_;
    if (trap.vector == vector && trap.error_code == error_code) return;
    fail(what);
    print("  found vector ", trap.vector, " error code ", abi::hex(trap.error_code), " at rip ",
          abi::hex(trap.rip), ", expected vector ", vector, " error code ", abi::hex(error_code),
          '\n');
}

void Checks::expect_none(std::string_view what, Trap const& trap) {
    expect_trap(what, trap, Trap::none);
}

int Checks::result() const {
    print(made_, " checks, ", failed_, " failed\n");
    return failed_ == 0 ? 0 : 1;
}

} // namespace twofold::guest
