# nepenthe_embed(module file symbol): a text file below the tree as `extern const std::string_view symbol` of the
# module's namespace, so that the program needs no file beside it.
function(nepenthe_embed module file symbol)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${file}")
  file(READ "${CMAKE_SOURCE_DIR}/${file}" content)
  set(source "${CMAKE_BINARY_DIR}/embedded/${symbol}.cpp")
  file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT
       "#include <string_view>\n\nnamespace nepenthe::${module} {\nextern const std::string_view ${symbol};\nconst std::string_view ${symbol} = R\"embedded(@content@)embedded\";\n}\n")
  target_sources(nepenthe_${module} PRIVATE "${source}")
endfunction()
