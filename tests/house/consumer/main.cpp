// What a program that embeds octet looks like, at its smallest.
#include <iostream>
#include <octet/octet.hpp>

int main() {
    std::cout << octet::version() << '\n';
}
