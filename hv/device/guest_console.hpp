// What a guest prints, on its way to the machine's console.
#pragma once

#include "hv/device/serial_ports.hpp"

#include <twofold/abi/text.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace twofold::hv {

/// A guest that is alone prints byte by byte. Where several run at once, whole lines are printed,
/// each behind "[number] ", so that everything can be told apart.
class GuestConsole {
  public:
    // Not defaulted: the line need not be zeroed.
    GuestConsole() {} // NOLINT(modernize-use-equals-default)

    void put(char byte) {
        if (shared_) return put_into_line(byte);
        console.put(byte);
        line_begun = byte != '\n';
    }

    /// From now on others print as well. `number`: the guest's in the report.
    void share(std::uint32_t number) {
        number_ = number;
        shared_ = true;
    }

    /// Prints what there is of a line.
    void flush() {
        if (bytes_ == 0) return;
        if (line_begun) console.put('\n');
        abi::TextBuffer<16> prefix;
        prefix("[");
        abi::put_decimal(prefix, number_);
        prefix("] ");
        console(prefix.text());
        console(std::string_view{line_.data(), bytes_});
        if (line_[bytes_ - 1] != '\n') console.put('\n');
        line_begun = false;
        bytes_ = 0;
    }

  private:
    [[gnu::noinline]] void put_into_line(char byte) {
        line_[bytes_++] = byte;
        if (byte == '\n' || bytes_ == line_.size()) flush();
    }

    /// Somebody who was alone has printed a part of a line.
    static inline constinit bool line_begun = false;

    std::array<char, 256> line_;
    std::uint32_t bytes_ = 0;
    std::uint32_t number_ = 0;
    bool shared_ = false;
};

} // namespace twofold::hv
