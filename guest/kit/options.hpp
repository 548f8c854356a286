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

/// An option of a guest's, and where its value goes.
class Option {
  public:
    /// Takes a number.
    Option(std::string_view name, std::uint64_t& number) : name_(name), number_(&number) {}
    /// Takes nothing: it is there or not.
    Option(std::string_view name, bool& flag) : name_(name), flag_(&flag) {}

    [[nodiscard]] std::string_view name() const { return name_; }
    /// `options` has yielded this one.
    void take(Options& options) const;

  private:
    std::string_view name_;
    std::uint64_t* number_ = nullptr;
    bool* flag_ = nullptr;
};

/// Takes all of `arguments`; what is none of `known` ends the guest.
void read_options(Arguments arguments, std::initializer_list<Option> known);

/// Digits, or "0x" and hexadecimal digits, all of it; nothing if it is not that or above 64 bits.
std::optional<std::uint64_t> parse_number(std::string_view text);

} // namespace twofold::guest
