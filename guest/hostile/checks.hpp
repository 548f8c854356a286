// What a behaviour that lives on expects of the machine.
#pragma once

#include "guest/hostile/attempt.hpp"

#include <string_view>

namespace twofold::guest {

class Checks {
  public:
    /// Prints what does not hold.
    void expect(std::string_view what, bool holds);
    void expect_value(std::string_view what, std::uint64_t found, std::uint64_t expected);
    void expect_trap(std::string_view what, Trap const& trap, std::uint64_t vector,
                     std::uint64_t error_code = 0);
    void expect_none(std::string_view what, Trap const& trap);

    /// Prints how many there were. The guest's exit code: 0 when all held, else 1.
    [[nodiscard]] int result() const;

  private:
    void fail(std::string_view what);

    unsigned made_ = 0;
    unsigned failed_ = 0;
};

} // namespace twofold::guest
