// A guest's arguments, one by one. What is wrong with them ends the guest with 2.
#pragma once

#include "guest/kit/launch.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace twofold::guest {

class Options {
  public:
    /// `arguments[0]`, the guest's name, is passed over.
    explicit Options(Arguments arguments) : left_(arguments.subspan(1)) {}

    /// The next argument; nothing after the last.
    std::optional<std::string_view> next();
    /// The value of the option that `next` has yielded: text.
    std::string_view text();
    /// A number, decimal or "0x...".
    std::uint64_t number();
    /// One of `choices`, by its place.
    std::size_t choice(std::initializer_list<std::string_view> choices);
    /// Says that the argument which `next` has yielded is not known.
    [[noreturn]] void refuse() const;

  private:
    Arguments left_;
    std::string_view current_;
};

/// Digits, or "0x" and hexadecimal digits, all of it; nothing if it is not that or above 64 bits.
std::optional<std::uint64_t> parse_number(std::string_view text);

} // namespace twofold::guest
