// Owns how calls are made with oapi-sdk, over either of its transports.

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.lark.oapi.Client;
import com.lark.oapi.core.exception.ObtainAccessTokenException;
import com.lark.oapi.core.httpclient.ApacheHttpClientTransport;
import com.lark.oapi.core.request.RequestOptions;
import com.lark.oapi.core.response.BaseResponse;
import com.lark.oapi.core.response.RawResponse;
import com.lark.oapi.core.token.AccessTokenType;
import com.lark.oapi.core.utils.Jsons;
import com.lark.oapi.service.apaas.v1.model.QueryUserTaskReq;
import com.lark.oapi.service.apaas.v1.model.QueryUserTaskReqBody;
import com.lark.oapi.service.approval.v4.model.CheckExternalInstanceReq;
import com.lark.oapi.service.approval.v4.model.CheckExternalInstanceReqBody;
import com.lark.oapi.service.approval.v4.model.CreateExternalApprovalReq;
import com.lark.oapi.service.approval.v4.model.CreateExternalInstanceReq;
import com.lark.oapi.service.approval.v4.model.ExternalApproval;
import com.lark.oapi.service.approval.v4.model.ExternalInstance;
import com.lark.oapi.service.approval.v4.model.GetExternalApprovalReq;
import com.lark.oapi.service.approval.v4.model.ListExternalTaskReq;
import com.lark.oapi.service.approval.v4.model.ListExternalTaskReqBody;
import com.lark.oapi.service.approval.v4.model.CcSearch;
import com.lark.oapi.service.approval.v4.model.GetInstanceReq;
import com.lark.oapi.service.approval.v4.model.InstanceSearch;
import com.lark.oapi.service.approval.v4.model.ListInstanceReq;
import com.lark.oapi.service.approval.v4.model.QueryInstanceReq;
import com.lark.oapi.service.approval.v4.model.QueryTaskReq;
import com.lark.oapi.service.approval.v4.model.SearchCcInstanceReq;
import com.lark.oapi.service.approval.v4.model.SearchTaskReq;
import com.lark.oapi.service.approval.v4.model.TaskSearch;
import com.lark.oapi.service.auth.v3.model.InternalAppAccessTokenReq;
import com.lark.oapi.service.auth.v3.model.InternalAppAccessTokenReqBody;
import com.lark.oapi.service.auth.v3.model.InternalTenantAccessTokenReq;
import com.lark.oapi.service.auth.v3.model.InternalTenantAccessTokenReqBody;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.http.impl.client.HttpClients;

final class Calls {

  private static final Gson GSON = Jsons.DEFAULT;

  private final String url;
  private final boolean apache;
  private final Map<String, Client> clients = new HashMap<>();
  private final Map<String, Call> calls = new HashMap<>();

  /** A call by the name that the story has for it. */
  interface Call {
    BaseResponse<?> make(Client by, JsonObject asked, RequestOptions options) throws Exception;
  }

  Calls(String url, boolean apache) {
    this.url = url;
    this.apache = apache;
    calls.put("tenant_access_token.internal", (by, asked, options) -> by.auth().v3().tenantAccessToken()
        .internal(InternalTenantAccessTokenReq.newBuilder()
            .internalTenantAccessTokenReqBody(said(asked, InternalTenantAccessTokenReqBody.class)).build(), options));
    calls.put("app_access_token.internal", (by, asked, options) -> by.auth().v3().appAccessToken()
        .internal(InternalAppAccessTokenReq.newBuilder()
            .internalAppAccessTokenReqBody(said(asked, InternalAppAccessTokenReqBody.class)).build(), options));
    calls.put("external_approval.create", (by, asked, options) -> by.approval().v4().externalApproval()
        .create(CreateExternalApprovalReq.newBuilder().userIdType(query(asked, "user_id_type"))
            .externalApproval(said(asked, ExternalApproval.class)).build(), options));
    calls.put("external_approval.get", (by, asked, options) -> by.approval().v4().externalApproval()
        .get(GetExternalApprovalReq.newBuilder().userIdType(query(asked, "user_id_type"))
            .approvalCode(path(asked, "approval_code")).build(), options));
    calls.put("external_instance.create", (by, asked, options) -> by.approval().v4().externalInstance()
        .create(CreateExternalInstanceReq.newBuilder()
            .externalInstance(said(asked, ExternalInstance.class)).build(), options));
    calls.put("external_instance.check", (by, asked, options) -> by.approval().v4().externalInstance()
        .check(CheckExternalInstanceReq.newBuilder()
            .checkExternalInstanceReqBody(said(asked, CheckExternalInstanceReqBody.class)).build(), options));
    calls.put("external_task.list", (by, asked, options) -> {
      return by.approval().v4().externalTask().list(ListExternalTaskReq.newBuilder()
          .pageSize(size(asked)).pageToken(query(asked, "page_token"))
          .listExternalTaskReqBody(said(asked, ListExternalTaskReqBody.class)).build(), options);
    });
    calls.put("user_task.query", (by, asked, options) -> by.apaas().v1().userTask()
        .query(QueryUserTaskReq.newBuilder()
            .queryUserTaskReqBody(said(asked, QueryUserTaskReqBody.class)).build(), options));
    calls.put("task.query", (by, asked, options) -> by.approval().v4().task()
        .query(QueryTaskReq.newBuilder().pageSize(size(asked)).pageToken(query(asked, "page_token"))
            .userId(query(asked, "user_id")).topic(query(asked, "topic"))
            .userIdType(query(asked, "user_id_type")).build(), options));
    calls.put("task.search", (by, asked, options) -> by.approval().v4().task()
        .search(SearchTaskReq.newBuilder().pageSize(size(asked)).pageToken(query(asked, "page_token"))
            .userIdType(query(asked, "user_id_type")).taskSearch(said(asked, TaskSearch.class)).build(), options));
    calls.put("instance.query", (by, asked, options) -> by.approval().v4().instance()
        .query(QueryInstanceReq.newBuilder().pageSize(size(asked)).pageToken(query(asked, "page_token"))
            .userIdType(query(asked, "user_id_type")).instanceSearch(said(asked, InstanceSearch.class)).build(),
            options));
    calls.put("instance.search_cc", (by, asked, options) -> by.approval().v4().instance()
        .searchCc(SearchCcInstanceReq.newBuilder().pageSize(size(asked)).pageToken(query(asked, "page_token"))
            .userIdType(query(asked, "user_id_type")).ccSearch(said(asked, CcSearch.class)).build(), options));
    calls.put("instance.get", (by, asked, options) -> by.approval().v4().instance()
        .get(GetInstanceReq.newBuilder()
            .instanceId(asked.getAsJsonObject("path").get("instance_id").getAsString()).build(), options));
    calls.put("instance.list", (by, asked, options) -> by.approval().v4().instance()
        .list(ListInstanceReq.newBuilder().pageSize(size(asked)).pageToken(query(asked, "page_token"))
            .approvalCode(query(asked, "approval_code")).startTime(query(asked, "start_time"))
            .endTime(query(asked, "end_time")).build(), options));
    FlowCalls.add(calls);
  }

  /** Whether external_tasks can be asked by the SDK's own call: OkHttp refuses a body with GET. */
  boolean sendsBodyWithGet() throws Exception {
    ListExternalTaskReqBody body = ListExternalTaskReqBody.newBuilder().status("PENDING").build();
    RequestOptions options = RequestOptions.newBuilder().tenantAccessToken("none").build();
    try {
      client("cli_demo", "none", false).approval().v4().externalTask()
          .list(ListExternalTaskReq.newBuilder().listExternalTaskReqBody(body).build(), options);
      return true;
    } catch (IllegalArgumentException refusal) { // "method GET must not have a request body."
      return false;
    }
  }

  JsonObject answer(JsonObject asked) {
    try {
      return asked.get("call").getAsString().equals("raw") ? raw(asked) : own(asked);
    } catch (ObtainAccessTokenException error) {
      // The code is in the text only.
      Matcher code = Pattern.compile("code[:=]\\s*(\\d+)").matcher(error.getMessage());
      JsonObject raised = new JsonObject();
      raised.addProperty("code", code.find() ? Integer.valueOf(code.group(1)) : null);
      return with("raised", raised);
    } catch (Exception error) {
      return with("failed", GSON.toJsonTree(error.toString()));
    }
  }

  private JsonObject own(JsonObject asked) throws Exception {
    boolean signed = !asked.has("token") || asked.get("token").isJsonNull();
    RequestOptions options = signed ? new RequestOptions()
        : RequestOptions.newBuilder().tenantAccessToken(asked.get("token").getAsString()).build();
    BaseResponse<?> response = calls.get(asked.get("call").getAsString()).make(client(asked, signed), asked, options);
    JsonObject answer = answer(response, response.getRawResponse());
    answer.add("data", GSON.toJsonTree(response.getData()));
    return answer;
  }

  /** The SDK's way to call what it has no method for. */
  private JsonObject raw(JsonObject asked) throws Exception {
    String path = asked.get("url").getAsString();
    List<String> query = new ArrayList<>();
    for (JsonElement pair : asked.getAsJsonArray("query")) {
      JsonArray both = pair.getAsJsonArray();
      query.add(both.get(0).getAsString() + "=" + URLEncoder.encode(both.get(1).getAsString(), StandardCharsets.UTF_8));
    }
    if (!query.isEmpty()) {
      path += "?" + String.join("&", query);
    }
    Map<String, List<String>> headers = new HashMap<>();
    asked.getAsJsonObject("headers").entrySet()
        .forEach(header -> headers.put(header.getKey(), List.of(header.getValue().getAsString())));
    RequestOptions options = RequestOptions.newBuilder().headers(headers).build();
    boolean signed = asked.get("signed").getAsBoolean();
    AccessTokenType token = signed ? AccessTokenType.Tenant : AccessTokenType.None;
    Object body = asked.get("body").isJsonNull() ? null : asked.get("body");
    Client by = client(asked, signed);
    boolean get = asked.get("method").getAsString().equals("GET");
    RawResponse response = get ? by.get(path, body, token, options) : by.post(path, body, token, options);
    String text = new String(response.getBody(), StandardCharsets.UTF_8);
    if (!text.startsWith("{")) {
      JsonObject answer = with("http", GSON.toJsonTree(response.getStatusCode()));
      answer.addProperty("text", text);
      return answer;
    }
    BaseResponse<?> read = GSON.fromJson(text, BaseResponse.class);
    read.setRawResponse(response);
    return answer(read, response);
  }

  private static JsonObject answer(BaseResponse<?> response, RawResponse raw) {
    JsonObject answer = with("http", GSON.toJsonTree(raw.getStatusCode()));
    answer.addProperty("code", response.getCode());
    answer.addProperty("msg", response.getMsg());
    answer.addProperty("log_id", response.getRequestId());
    // The SDK leaves getContentType() empty; OkHttp spells names of headers in small letters.
    raw.getHeaders().forEach((name, values) -> {
      if (name.equalsIgnoreCase("Content-Type")) {
        answer.addProperty("content_type", values.get(0));
      }
    });
    answer.add("error", GSON.toJsonTree(response.getError()));
    answer.addProperty("text", new String(raw.getBody(), StandardCharsets.UTF_8));
    return answer;
  }

  /** The body in the SDK's model, which must not lose a part of it. */
  static <M> M said(JsonObject asked, Class<M> model) {
    JsonElement body = asked.get("body");
    M filled = GSON.fromJson(body, model);
    if (!body.isJsonNull() && !JsonParser.parseString(GSON.toJson(filled)).equals(body)) {
      throw new IllegalStateException(model.getSimpleName() + " cannot say " + body);
    }
    return filled;
  }

  /** A parameter of the path. */
  static String path(JsonObject asked, String name) {
    return asked.getAsJsonObject("path").get(name).getAsString();
  }

  private static String query(JsonObject asked, String name) {
    JsonElement query = asked.get("query");
    JsonElement value = query == null || query.isJsonNull() ? null : query.getAsJsonObject().get(name);
    return value == null ? null : value.getAsString();
  }

  private static Integer size(JsonObject asked) {
    String size = query(asked, "page_size");
    return size == null ? null : Integer.valueOf(size);
  }

  private static JsonObject with(String name, JsonElement value) {
    JsonObject object = new JsonObject();
    object.add(name, value);
    return object;
  }

  private Client client(JsonObject asked, boolean signed) {
    JsonObject app = asked.getAsJsonObject("app");
    return client(app.get("id").getAsString(), app.get("secret").getAsString(), signed);
  }

  /** With the token cache on, the SDK would fetch a token where a call shall bring its own or none. */
  private Client client(String id, String secret, boolean signed) {
    return clients.computeIfAbsent(id + " " + secret + " " + signed, key -> {
      Client.Builder builder = Client.newBuilder(id, secret).openBaseUrl(url);
      if (apache) {
        builder.httpTransport(ApacheHttpClientTransport.newBuilder().httpclient(HttpClients.createDefault()).build());
      }
      return signed ? builder.build() : builder.disableTokenCache().build();
    });
  }
}
