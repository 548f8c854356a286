// Emphasis on terminals, and numbers for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace twofold::vmm {

/// Decorates text, or leaves it as it is where colour is not wanted.
class Style {
  public:
    explicit Style(bool colour) : colour_(colour) {}

    [[nodiscard]] std::string heading(std::string_view text) const { return with("1", text); }
    [[nodiscard]] std::string faint(std::string_view text) const { return with("2", text); }
    [[nodiscard]] std::string guest(std::string_view text) const { return with("33", text); }
    [[nodiscard]] std::string host(std::string_view text) const { return with("36", text); }
    [[nodiscard]] std::string good(std::string_view text) const { return with("32", text); }
    [[nodiscard]] std::string bad(std::string_view text) const { return with("31", text); }

  private:
    [[nodiscard]] std::string with(std::string_view code, std::string_view text) const;

    bool colour_;
};

/// "1,234,567".
std::string grouped(std::uint64_t number);
/// "64 MiB", or "4,100 bytes" where no larger unit fits exactly.
std::string byte_size(std::uint64_t bytes);

} // namespace twofold::vmm
