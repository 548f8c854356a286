// Packets of the GDB remote protocol (GDB manual, "Overview" of the Remote Protocol):
// $data#checksum.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace twofold::vmm {

/// `payload` as it goes over the wire.
std::string frame_gdb_packet(std::string_view payload);

std::string to_hex(std::span<std::byte const> bytes);
/// Appends the bytes that `hex` means. False when it is not pairs of hexadecimal digits.
bool append_from_hex(std::string_view hex, std::string& to);

/// Cuts what arrives into packets.
class GdbPacketReader {
  public:
    /// A packet that is longer is dropped, as a broken one is. Bytes.
    static constexpr std::size_t most_packet_bytes = 0x4000;

    enum class Event : std::uint8_t {
        packet,
        /// A packet with a wrong checksum.
        broken,
        /// The peer did not get our last packet: '-'.
        again,
        /// Ctrl-C: 0x03 between packets.
        interrupt,
    };
    /// `payload` comes with `packet` only, escapes resolved.
    using Handler = std::function<void(Event, std::string const& payload)>;

    explicit GdbPacketReader(Handler handler) : handler_(std::move(handler)) {}
    void feed(std::string_view bytes);

  private:
    enum class State : std::uint8_t { between, payload, escaped, first_digit, second_digit };

    void take(char c);
    void take_between(char c);
    void take_payload(char c);
    void finish(char second_digit);
    void append(char c);

    Handler handler_;
    State state_ = State::between;
    std::string payload_;
    std::uint8_t sum_ = 0;
    char first_digit_ = 0;
    bool too_long_ = false;
};

} // namespace twofold::vmm
