#include "debug/gdb_packet.hpp"
#include "tests/catch.hpp"

#include <string>
#include <vector>

namespace gdb_packet_test {

using namespace twofold::vmm;
using Event = GdbPacketReader::Event;
using Seen = std::vector<std::pair<Event, std::string>>;

namespace {

Seen events_of(std::vector<std::string> const& pieces) {
    Seen seen;
    GdbPacketReader reader{
        [&](Event event, std::string const& payload) { seen.emplace_back(event, payload); }};
    for (std::string const& piece : pieces)
        reader.feed(piece);
    return seen;
}

} // namespace

TEST_CASE("a framed packet ends with the sum of its characters") {
    CHECK(frame_gdb_packet("") == "$#00");
    CHECK(frame_gdb_packet("OK") == "$OK#9a");
    CHECK(frame_gdb_packet("m400000,8") == "$m400000,8#f5");
}

TEST_CASE("every payload is read back as it was framed, however the stream is cut") {
    std::string all;
    for (int c = 0; c < 256; ++c)
        all += static_cast<char>(c);
    std::string const framed = frame_gdb_packet(all);
    for (std::size_t cut = 0; cut <= framed.size(); ++cut)
        REQUIRE(events_of({framed.substr(0, cut), framed.substr(cut)}) ==
                Seen{{Event::packet, all}});
}

TEST_CASE("a packet with a wrong checksum is broken, and the next one is read all the same") {
    CHECK(events_of({"$OK#9b$OK#9a"}) == Seen{{Event::broken, ""}, {Event::packet, "OK"}});
    CHECK(events_of({"$OK#zz$OK#9A"}) == Seen{{Event::broken, ""}, {Event::packet, "OK"}});
}

TEST_CASE("acknowledgements pass, refusals and interrupts are told, noise is not") {
    CHECK(events_of({"+\n+-\x03+"}) == Seen{{Event::again, ""}, {Event::interrupt, ""}});
}

TEST_CASE("a packet that begins within another replaces it") {
    CHECK(events_of({"$abc$OK#9a"}) == Seen{{Event::packet, "OK"}});
}

TEST_CASE("a packet without end does not grow without bound, and is broken") {
    std::string const longest(GdbPacketReader::most_packet_bytes, 'a');
    CHECK(events_of({frame_gdb_packet(longest)}) == Seen{{Event::packet, longest}});
    CHECK(events_of({frame_gdb_packet(longest + "a")}) == Seen{{Event::broken, ""}});
}

TEST_CASE("only whole pairs of hexadecimal digits are bytes") {
    std::string bytes;
    CHECK(append_from_hex("00fFa5", bytes));
    CHECK(bytes == std::string{"\0\xff\xa5", 3});
    CHECK_FALSE(append_from_hex("abc", bytes));
    CHECK_FALSE(append_from_hex("0g", bytes));
}

} // namespace gdb_packet_test
