// Traces as lines of text: our own, and those of Valgrind's lackey.
#pragma once

#include "sim/access_source.hpp"
#include "sim/byte_window.hpp"

#include <filesystem>
#include <optional>
#include <string_view>

namespace twofold::vmm {

class TextTrace final : public AccessSource {
  public:
    enum class Kind : std::uint8_t { lackey, own };

    TextTrace(std::filesystem::path const& path, Kind kind) : window_(path), kind_(kind) {}
    std::size_t next(std::span<TraceAccess> batch) override;

  private:
    ByteWindow window_;
    Kind kind_;
};

/// A line of lackey's trace, such as " L 1ffeffe7e0,8". None for Valgrind's own messages.
std::optional<TraceAccess> parse_lackey_line(std::string_view line);
/// "r 0x1000". None for what is none.
std::optional<TraceAccess> parse_own_line(std::string_view line);

} // namespace twofold::vmm
